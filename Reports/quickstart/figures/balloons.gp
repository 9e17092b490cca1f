# Balloons: target, actual and the host's gain
# Draws balloons.csv into balloons.svg: run "gnuplot balloons.gp" in this folder.
set encoding utf8
set terminal svg size 960,470 fixed noenhanced background '#FFFFFF' font 'sans-serif,14'
set output 'balloons.svg'
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
set yrange [0:532.48]; set ytics 0, 100.0
set object rectangle from screen 0.08750, 0.94255 to screen 0.10833, 0.97234 front fillstyle solid noborder fillcolor rgb '#9ADBC6'
set label 'Host gain' at screen 0.11563, 0.95745 left front textcolor rgb '#333C46'
set arrow from screen 0.21333, 0.95745 to screen 0.24042, 0.95745 nohead front linewidth 2.5 dashtype solid linecolor rgb '#0072B2'
set label 'Actual' at screen 0.24771, 0.95745 left front textcolor rgb '#333C46'
set arrow from screen 0.31979, 0.95745 to screen 0.34688, 0.95745 nohead front linewidth 2.5 dashtype (4,2) linecolor rgb '#D55E00'
set label 'Target' at screen 0.35417, 0.95745 left front textcolor rgb '#333C46'
set lmargin at screen 0.08125; set rmargin at screen 0.48125
set tmargin at screen 0.85957; set bmargin at screen 0.57021
set title 'web' offset 0,-0.4 textcolor rgb '#1B2127'
set ylabel 'Memory (MiB)' textcolor rgb '#333C46'
plot 'balloons.csv' every 1 skip 1 using ($1/1000000000.0):((0)/1048576.0):((0+$2)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#9ADBC6', \
  'balloons.csv' every 1 skip 1 using ($1/1000000000.0):($3/1048576.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#0072B2', \
  'balloons.csv' every 1 skip 1 using ($1/1000000000.0):($4/1048576.0) with lines linewidth 2.2 dashtype (4,2) linecolor rgb '#D55E00'
unset arrow; unset object; unset label
set lmargin at screen 0.57500; set rmargin at screen 0.97500
set tmargin at screen 0.85957; set bmargin at screen 0.57021
set title 'database' offset 0,-0.4 textcolor rgb '#1B2127'
unset ylabel
plot 'balloons.csv' every 1 skip 1 using ($1/1000000000.0):((0)/1048576.0):((0+$5)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#9ADBC6', \
  'balloons.csv' every 1 skip 1 using ($1/1000000000.0):($6/1048576.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#0072B2', \
  'balloons.csv' every 1 skip 1 using ($1/1000000000.0):($7/1048576.0) with lines linewidth 2.2 dashtype (4,2) linecolor rgb '#D55E00'
set lmargin at screen 0.08125; set rmargin at screen 0.48125
set tmargin at screen 0.41277; set bmargin at screen 0.12340
set title 'w1' offset 0,-0.4 textcolor rgb '#1B2127'
set ylabel 'Memory (MiB)' textcolor rgb '#333C46'
set xlabel 'Virtual time (s)' offset 0,0.8 textcolor rgb '#333C46'
plot 'balloons.csv' every 1 skip 1 using ($1/1000000000.0):((0)/1048576.0):((0+$8)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#9ADBC6', \
  'balloons.csv' every 1 skip 1 using ($1/1000000000.0):($9/1048576.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#0072B2', \
  'balloons.csv' every 1 skip 1 using ($1/1000000000.0):($10/1048576.0) with lines linewidth 2.2 dashtype (4,2) linecolor rgb '#D55E00'
set lmargin at screen 0.57500; set rmargin at screen 0.97500
set tmargin at screen 0.41277; set bmargin at screen 0.12340
set title 'w2' offset 0,-0.4 textcolor rgb '#1B2127'
unset ylabel
set xlabel 'Virtual time (s)' offset 0,0.8 textcolor rgb '#333C46'
plot 'balloons.csv' every 1 skip 1 using ($1/1000000000.0):((0)/1048576.0):((0+$11)/1048576.0) with filledcurves fillstyle solid noborder fillcolor rgb '#9ADBC6', \
  'balloons.csv' every 1 skip 1 using ($1/1000000000.0):($12/1048576.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#0072B2', \
  'balloons.csv' every 1 skip 1 using ($1/1000000000.0):($13/1048576.0) with lines linewidth 2.2 dashtype (4,2) linecolor rgb '#D55E00'
unset multiplot
