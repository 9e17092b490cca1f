# Each machine's share of host memory
# Draws machine-shares.csv into machine-shares.svg: run "gnuplot machine-shares.gp" in this folder.
set encoding utf8
set terminal svg size 960,470 fixed noenhanced background '#FFFFFF' font 'sans-serif,14'
set output 'machine-shares.svg'
set datafile separator comma
set decimalsign '.'
set border 3 linecolor rgb '#333C46' linewidth 1
set tics out nomirror scale 0.6 textcolor rgb '#333C46'
set grid ytics back linetype 1 linecolor rgb '#DDE2E8' linewidth 1 dashtype solid
set xtics offset 0,0.35
set ytics offset 0.5,0
unset key
set xrange [0:90000000000/1000000000.0]
set multiplot
set yrange [0:500.46750000000003]; set ytics 0, 100.0
set object rectangle from screen 0.08750, 0.94255 to screen 0.10833, 0.97234 front fillstyle solid noborder fillcolor rgb '#0072B2'
set label 'Private' at screen 0.11563, 0.95745 left front textcolor rgb '#333C46'
set object rectangle from screen 0.20250, 0.94255 to screen 0.22333, 0.97234 front fillstyle solid noborder fillcolor rgb '#009E73'
set label 'Shared' at screen 0.23062, 0.95745 left front textcolor rgb '#333C46'
set lmargin at screen 0.08125; set rmargin at screen 0.48125
set tmargin at screen 0.85957; set bmargin at screen 0.57021
set title 'web' offset 0,-0.4 textcolor rgb '#1B2127'
set ylabel 'Memory (MiB)' textcolor rgb '#333C46'
plot 'machine-shares.csv' every 1 skip 1 using ($1/1000000000.0):((0)/1048576.0):((0+$2)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#0072B2', \
  'machine-shares.csv' every 1 skip 1 using ($1/1000000000.0):(($2)/1048576.0):(($2+$3)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#009E73'
unset arrow; unset object; unset label
set lmargin at screen 0.57500; set rmargin at screen 0.97500
set tmargin at screen 0.85957; set bmargin at screen 0.57021
set title 'database' offset 0,-0.4 textcolor rgb '#1B2127'
unset ylabel
plot 'machine-shares.csv' every 1 skip 1 using ($1/1000000000.0):((0)/1048576.0):((0+$4)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#0072B2', \
  'machine-shares.csv' every 1 skip 1 using ($1/1000000000.0):(($4)/1048576.0):(($4+$5)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#009E73'
set lmargin at screen 0.08125; set rmargin at screen 0.48125
set tmargin at screen 0.41277; set bmargin at screen 0.12340
set title 'w1' offset 0,-0.4 textcolor rgb '#1B2127'
set ylabel 'Memory (MiB)' textcolor rgb '#333C46'
set xlabel 'Virtual time (s)' offset 0,0.8 textcolor rgb '#333C46'
plot 'machine-shares.csv' every 1 skip 1 using ($1/1000000000.0):((0)/1048576.0):((0+$6)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#0072B2', \
  'machine-shares.csv' every 1 skip 1 using ($1/1000000000.0):(($6)/1048576.0):(($6+$7)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#009E73'
set lmargin at screen 0.57500; set rmargin at screen 0.97500
set tmargin at screen 0.41277; set bmargin at screen 0.12340
set title 'w2' offset 0,-0.4 textcolor rgb '#1B2127'
unset ylabel
set xlabel 'Virtual time (s)' offset 0,0.8 textcolor rgb '#333C46'
plot 'machine-shares.csv' every 1 skip 1 using ($1/1000000000.0):((0)/1048576.0):((0+$8)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#0072B2', \
  'machine-shares.csv' every 1 skip 1 using ($1/1000000000.0):(($8)/1048576.0):(($8+$9)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#009E73'
unset multiplot
